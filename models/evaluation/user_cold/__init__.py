"""How well learners rate and rank for users whom training has not seen, after k of their events."""
