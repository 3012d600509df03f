"""Machines that run IR programs."""
