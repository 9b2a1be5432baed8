"""The desk's pages, one module a concern. Each route names the role that it needs."""

from review.routes import accounts, batch, decisions, lots, masks, photo, pictures, queue, sign_in, static

ROUTERS = tuple(
    module.router
    for module in (static, sign_in, queue, photo, pictures, decisions, masks, batch, lots, accounts)
)
"""Every router of the application."""
