"""Tests of oldphoto_core/models."""
