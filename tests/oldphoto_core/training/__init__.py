"""Tests of oldphoto_core/training."""
