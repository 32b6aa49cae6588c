"""Verdicts and curves, written for people and for programs: terminal and JSON."""
