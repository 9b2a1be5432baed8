"""Tests of oldphoto_core/image_io."""
