"""Tests of oldphoto_core/evaluation."""
