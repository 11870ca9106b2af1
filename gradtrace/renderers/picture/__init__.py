"""Graphviz files, SVG, PNG, PDF and Mermaid."""
