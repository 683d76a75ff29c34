"""What meta-training needs torch for; serving imports nothing of it."""
