"""Tests of oldphoto_core/weights."""
