"""What the painters share: bands on both cores, noise, tone curves, and the sheet they paint on."""
