"""The logic of AfterCAR. Nothing here knows Snakemake; only `io` knows files."""
