"""Tests of oldphoto_core/latent."""
