"""The stream's logic: pure folds over runs of records, and the shell that feeds them from Kafka."""
