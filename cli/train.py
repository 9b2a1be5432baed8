"""``oldphoto train``: train one network within a wall-clock budget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add ``train`` to the command line."""
    app.command("train")(train)


def train(
    network: Annotated[str, typer.Argument(help="detector | vae-old | vae-clean | mapping | faces")],
    data: Annotated[Path, typer.Option(help="Folder with clean/, old/, annotated/, defects/.")],
    out: Annotated[Path, typer.Option(help="Weights to write; card, curves and checkpoint lie beside.")],
    budget: Annotated[float, typer.Option(help="Wall-clock minutes.")] = 60.0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint beside --out.")] = False,
    config: Annotated[str, typer.Option(help="compact | paper")] = "compact",
    device: Annotated[str, typer.Option(help="auto | cpu | cuda")] = "auto",
    batch: Annotated[int | None, typer.Option(help="Crops per step.")] = None,
    crop: Annotated[int | None, typer.Option(help="Side of a crop in pixels.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Adam's step size.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of data and start.")] = 0,
    workers: Annotated[int, typer.Option(help="Processes that make samples.")] = 1,
    steps: Annotated[int | None, typer.Option(help="End after so many steps, whatever the budget.")] = None,
    vae_old: Annotated[Path | None, typer.Option(help="Trained VAE₁ (default: the shipped one).")] = None,
    vae_clean: Annotated[Path | None, typer.Option(help="Trained VAE₂ (default: the shipped one).")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
) -> None:
    """Train a network on clean photographs that are aged on the fly, and on real old ones."""
    from cli.progress import training_progress
    from oldphoto_core.device import pick_device
    from oldphoto_core.training.settings import TrainingSettings
    from oldphoto_core.training.trainer import Trainer

    given = {"batch": batch, "crop": crop, "learning_rate": learning_rate, "max_steps": steps}
    settings = TrainingSettings(
        network=network,
        config=config,  # type: ignore[arg-type]
        data=data,
        out=out,
        budget_minutes=budget,
        resume=resume,
        seed=seed,
        workers=workers,
        device=pick_device(device).type,
        vae_old=vae_old,
        vae_clean=vae_clean,
        **{name: value for name, value in given.items() if value is not None},  # type: ignore[arg-type]
    )
    trainer = Trainer(settings)
    with training_progress(network) as report:
        written = trainer.run(report)
    typer.echo(
        f'{{"weights": "{written}", "steps": {trainer.step}, "seconds": {trainer.seconds:.1f}}}'
        if json
        else f"{written}: {trainer.step} steps in {trainer.seconds / 60:.1f} minutes"
    )
