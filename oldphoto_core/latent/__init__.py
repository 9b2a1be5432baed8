"""Translating a photo through the latents, and the tiers made of it."""
