"""Tests of oldphoto_core."""
