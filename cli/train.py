"""``oldphoto train``: train one network within a wall-clock budget or a number of steps.

``latent-domain`` is no network: it measures, in a minute or two, what ``vae-old`` was trained on. ``tone`` and
``fading`` need no other network and about ten minutes each.
"""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

LATENT_DOMAIN = "latent-domain"
ESTIMATORS = ("tone", "fading")


def register(app: typer.Typer) -> None:
    """Add ``train`` to the command line."""
    app.command("train")(train)


def train(
    network: Annotated[
        str,
        typer.Argument(
            metavar="NETWORK",
            help="detector | vae-old | vae-clean | mapping | faces | face-detector; or latent-domain, once vae-old "
            "is trained (--data --out --vae-old --config --seed); or tone | fading "
            "(--data --out --steps --config --seed --workers)",
        ),
    ],
    data: Annotated[Path, typer.Option(help="Folder with clean/, old/, annotated/, defects/, faces/.")],
    out: Annotated[Path, typer.Option(help="Weights to write; card, curves and checkpoint lie beside.")],
    budget: Annotated[float, typer.Option(min=0.01, help="Wall-clock minutes.")] = 60.0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint beside --out.")] = False,
    config: Annotated[str, typer.Option(help="compact | paper")] = "compact",
    device: Annotated[str, typer.Option(help="auto | cpu | cuda")] = "auto",
    batch: Annotated[int | None, typer.Option(min=1, help="Crops per step.")] = None,
    crop: Annotated[int | None, typer.Option(min=32, help="Side of a crop in pixels (faces: 256).")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="The optimiser's step size.")] = None,
    optimiser: Annotated[
        str | None, typer.Option(help="adam | muon. Default: adam for vae-*, muon for the others.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of data and start.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes that make samples.")] = 1,
    reuse: Annotated[
        int, typer.Option(min=1, help="Crops from each aged sample at least: more feed a fast GPU.")
    ] = 2,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="End after so many steps (tone, fading: examples), whatever the budget; repeatable bit for bit.",
        ),
    ] = None,
    start: Annotated[
        Path | None, typer.Option(help="Weights to start from; what they lack (added blocks) starts new.")
    ] = None,
    fidelity_weight: Annotated[
        float, typer.Option(min=0.0, help="mapping: weight of each picture's log mean square error.")
    ] = 0.0,
    latent_weight: Annotated[
        float, typer.Option(min=0.0, help="mapping: weight of the distance between latents (λ₁).")
    ] = 60.0,
    tones_at_large: Annotated[
        bool,
        typer.Option(
            "--tones-at-large/--no-tones-at-large",
            help="mapping: no: tones at large, which a restoration leaves alone, have no part in the losses.",
        ),
    ] = True,
    vae_old: Annotated[
        Path | None,
        typer.Option(
            help="Trained VAE₁ (default: vae-old beside --out, else the shipped one; vae-clean starts new without)."
        ),
    ] = None,
    vae_clean: Annotated[
        Path | None,
        typer.Option(help="Trained VAE₂ (default: vae-clean beside --out, else the shipped one)."),
    ] = None,
    adversarial_from: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Share of the run after which discriminators join (1: never, 0: at once). "
            "Default: 0.6, or never for compact on a CPU.",
        ),
    ] = None,
    vgg: Annotated[
        Path | None, typer.Option(help="VGG-19 weights for feature matching (default: E_Y's layers).")
    ] = None,
    stage_before: Annotated[
        Path | None,
        typer.Option(help="faces: weights folder of the restorer before them (default: the shipped ones)."),
    ] = None,
    stage_share: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="faces: share that goes through that restorer."),
    ] = None,
    ageing: Annotated[
        str, typer.Option(help="Where photos are aged: workers | device (the faster way beside a GPU).")
    ] = "workers",
    nonlocal_branch: Annotated[
        bool, typer.Option("--nonlocal/--no-nonlocal", help="mapping: the partial nonlocal block.")
    ] = True,
    alignment: Annotated[
        bool, typer.Option("--alignment/--no-alignment", help="vae-old: the latent discriminator.")
    ] = True,
    variational: Annotated[
        bool, typer.Option("--variational/--no-variational", help="vae-*: no: a plain autoencoder.")
    ] = True,
    tensorboard: Annotated[Path | None, typer.Option(help="Folder for TensorBoard's event files.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
) -> None:
    """Train a network on clean photographs that are aged on the fly, and on real old ones.

    The curves are written to a CSV file beside the weights. Ctrl-C keeps a checkpoint to --resume from.
    """
    from cli.progress import training_progress
    from oldphoto_core.device import pick_device
    from oldphoto_core.training.settings import TrainingSettings, default_adversarial_from
    from oldphoto_core.training.trainer import Trainer

    if network == LATENT_DOMAIN:
        _measure_domain(data, out, config=config, vae_old=vae_old, seed=seed, as_json=json)
        return
    if network in ESTIMATORS:
        _fit_estimator(
            network, data, out, config=config, examples=steps, seed=seed, workers=workers, as_json=json
        )
        return
    chosen = pick_device(device).type
    given = {
        "batch": batch,
        "crop": crop,
        "learning_rate": learning_rate,
        "optimiser": optimiser,
        "max_steps": steps,
        "adversarial_from": adversarial_from,
        "stage_share": stage_share,
    }
    defaults = {
        "adversarial_from": default_adversarial_from(config, chosen),  # type: ignore[arg-type]
        "optimiser": "adam" if network.startswith("vae-") else "muon",
    }
    settings = TrainingSettings(
        network=network,
        config=config,  # type: ignore[arg-type]
        data=data,
        out=out,
        budget_minutes=budget,
        resume=resume,
        seed=seed,
        workers=workers,
        reuse=reuse,
        device=chosen,
        start=start,
        fidelity_weight=fidelity_weight,
        latent_weight=latent_weight,
        tones_at_large=tones_at_large,
        vae_old=vae_old,
        vae_clean=vae_clean,
        vgg=vgg,
        stage_before=stage_before,
        ageing=ageing,  # type: ignore[arg-type]
        nonlocal_branch=nonlocal_branch,
        alignment=alignment,
        variational=variational,
        tensorboard=tensorboard,
        **(defaults | {name: value for name, value in given.items() if value is not None}),  # type: ignore[arg-type]
    )
    trainer = Trainer(settings)
    with training_progress(network) as report:
        written = trainer.run(report)
    between = ("vae-old", "vae-clean") if network == "mapping" else ()
    pair = [str(settings.autoencoder(one)) for one in between]
    done = {"weights": str(written), "steps": trainer.step, "seconds": round(trainer.seconds, 1)}
    done |= {"between": pair} if pair else {}
    said = f"{written}: {trainer.step} steps in {trainer.seconds / 60:.1f} minutes"
    said += f", between {' and '.join(pair)}" if pair else ""
    typer.echo(json_format.dumps(done) if json else said)


def _measure_domain(
    data: Path, out: Path, *, config: str, vae_old: Path | None, seed: int, as_json: bool
) -> None:
    """Measure the latent domain and say what was written."""
    from cli.progress import progress_bar
    from oldphoto_core.training.domain import measure_domain
    from oldphoto_core.weights.cards import read_card

    with progress_bar() as bar:
        task = bar.add_task("measuring", total=None, note="")
        written = measure_domain(
            data,
            out,
            config=config,  # type: ignore[arg-type]
            vae_old=vae_old,
            seed=seed,
            report=lambda done, total: bar.update(task, completed=done, total=total),
        )
    photographs = read_card(written)["photographs"]
    done = {"weights": str(written), "photographs": photographs}
    typer.echo(json_format.dumps(done) if as_json else f"{written}: of {photographs} photographs")


def _fit_estimator(
    network: str,
    data: Path,
    out: Path,
    *,
    config: str,
    examples: int | None,
    seed: int,
    workers: int,
    as_json: bool,
) -> None:
    """Fit the estimator of lost tones or of fading and say what it is worth on held-out photographs."""
    from cli.progress import progress_bar
    from oldphoto_core.training.fading import fit_fading
    from oldphoto_core.training.tone import fit_tone
    from oldphoto_core.weights.cards import read_card

    with progress_bar() as bar:
        task = bar.add_task("ageing", total=None, note="")
        written = (fit_tone if network == "tone" else fit_fading)(
            data,
            out,
            config=config,  # type: ignore[arg-type]
            seed=seed,
            workers=workers,
            report=lambda done, total: bar.update(task, completed=done, total=total),
            **({} if examples is None else {"examples": examples}),
        )
    judged = read_card(written)["held_out"]
    done = {"weights": str(written), "held_out": judged}
    said = f"{written}; on held-out photographs: {json_format.dumps(judged)}"
    typer.echo(json_format.dumps(done) if as_json else said)
