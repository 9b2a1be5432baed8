"""Tests of oldphoto_core/degradation."""
