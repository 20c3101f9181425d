"""From reads to variants, splicing and cell genotypes, and what could not have been seen."""
