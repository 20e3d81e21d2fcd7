"""Tests of the whole: packages as they are built, documents as they are written, processes as they are killed."""
