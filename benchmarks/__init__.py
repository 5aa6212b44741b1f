"""Speed side by side with other tools, as ratios from one run."""
