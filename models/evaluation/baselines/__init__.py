"""What each field knows, well tuned and independent of headwater's own learner."""
