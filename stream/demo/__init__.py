"""The demonstration: real ratings through a real worker, shown live and measured at the end."""
