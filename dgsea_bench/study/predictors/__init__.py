"""What predicts signatures, and what it sees of a compound."""
