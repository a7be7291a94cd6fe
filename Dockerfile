# The workflow with the versions of requirements.txt; docs/places.md says how to build and run it.
FROM python:3.11-slim

# A second index for pip, such as that of PyTorch's builds for the CPU: gigabytes less than for CUDA.
ARG PIP_EXTRA_INDEX_URL

# The lock alone comes first: a changed source installs nothing again.
COPY requirements.txt /fimbulwinter/
RUN python3 -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --requirement /fimbulwinter/requirements.txt

# Jobs call `python`; the user may be any (`--user`), with neither a home nor a name of their own.
ENV PATH=/opt/venv/bin:$PATH HOME=/tmp USER=fimbulwinter

COPY Snakefile /fimbulwinter/
COPY config /fimbulwinter/config
COPY profiles /fimbulwinter/profiles
COPY workflow /fimbulwinter/workflow

# results/ and .snakemake/ are made here: mount a folder.
WORKDIR /data
ENTRYPOINT ["snakemake", "--snakefile", "/fimbulwinter/Snakefile"]
