"""Training of persense's own small networks on rendered scenes."""
