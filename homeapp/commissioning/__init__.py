"""Commissioning: the installer's steps and checks, kept after every one of them, and the signed report."""
