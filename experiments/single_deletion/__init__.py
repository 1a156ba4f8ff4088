"""The single deletion score, in-domain and not (Hesse, Schaub-Meyer and Roth 2024)."""
