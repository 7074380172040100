"""Training and calibration of the network that persense ships."""
