"""What the analysis found, as one ranked list whose entries lead to their images."""
