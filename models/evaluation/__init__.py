"""An evaluation that cannot flatter: learners predict each event before they learn it."""
