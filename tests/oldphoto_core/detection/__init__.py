"""Tests of oldphoto_core/detection."""
