"""Tests of oldphoto_core/faces."""
