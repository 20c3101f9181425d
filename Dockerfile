# AfterCAR with the packages that requirements.txt pins. In a clone: docker build --tag aftercar .
# In a working directory (config/ beside the files that its sheets name); nothing leaves the machine:
#   docker run --rm --network none --user "$(id -u):$(id -g)" --volume "$PWD:/work" aftercar --cores 2
FROM python:3.11.14-slim-bookworm

# The two packages that have no wheel are plain Python; every other one must come as a wheel.
COPY requirements.txt /opt/aftercar/
RUN python -m pip install --no-cache-dir --require-hashes --only-binary :all: \
    --no-binary connection-pool,flowio --requirement /opt/aftercar/requirements.txt

# Named one by one: a working directory with patients' files never enters the image.
COPY Snakefile /opt/aftercar/
COPY workflow /opt/aftercar/workflow
COPY envs /opt/aftercar/envs
COPY resources /opt/aftercar/resources
COPY scripts /opt/aftercar/scripts
RUN python -m compileall -q /opt/aftercar/scripts && useradd --uid 10001 aftercar

# Caches of libraries go where any user may write.
ENV HOME=/tmp PYTHONNOUSERSITE=1
USER aftercar
WORKDIR /work
ENTRYPOINT ["snakemake", "--snakefile", "/opt/aftercar/Snakefile", "--workflow-profile", "/opt/aftercar/workflow/profiles/default"]
