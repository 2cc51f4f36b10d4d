# The service without TensorFlow, for models that are mounted:
#
#   docker build -t foretell .
#   docker run --rm --read-only -p 127.0.0.1:8000:8000 \
#     -v "$PWD/reviews-model:/models/reviews:ro" -v "$PWD/token:/run/secrets/foretell-token:ro" \
#     foretell /models/reviews

# To pin the image by its digest, where a registry can be reached:
#   digest=$(docker buildx imagetools inspect python:3.13-slim --format '{{.Manifest.Digest}}')
#   sed -i "s/python:3.13-slim/&@$digest/" Dockerfile
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml requirements.lock README.md LICENSE ./
RUN sed -n '/^uv==/,/[^\\]$/p' requirements.lock >uv.txt \
    && pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r uv.txt
COPY foretell ./foretell
# The versions that the tests have seen.
RUN python -m venv --without-pip /opt/foretell \
    && uv pip install --no-cache --python /opt/foretell/bin/python --constraint requirements.lock ".[serve]"

FROM python:3.13-slim
RUN useradd --system --no-create-home --uid 10001 foretell
COPY --from=build /opt/foretell /opt/foretell
ENV PATH="/opt/foretell/bin:$PATH" PYTHONDONTWRITEBYTECODE=1
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/live', timeout=2)"]
# From outside the container it is another machine: it must have a token.
ENTRYPOINT ["foretell", "serve", "--host", "0.0.0.0", "--port", "8000", "--token-file", "/run/secrets/foretell-token"]
