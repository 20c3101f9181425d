"""From count matrices to leukemic cells and their antigens."""
