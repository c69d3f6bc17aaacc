# The node as an image: `docker build -t chanway .`, settings by CHANWAY_... in the environment.

FROM debian:bookworm-slim AS build
WORKDIR /src
# The dependencies are a layer of their own: built again only when their script or patches change.
COPY scripts/deps scripts/lib.sh scripts/
COPY scripts/patches scripts/patches
RUN scripts/deps --build && rm -rf /var/lib/apt/lists/*
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY cluster cluster
COPY gateway gateway
COPY web web
RUN cmake --preset program && cmake --build --preset program --target chanwayd \
    && strip --strip-debug build/release/chanwayd

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        libevent-core-2.1-7 libjansson4 libmsgpackc2 libpcre2-8-0 libssl3 zlib1g libcap2 \
    && apt-get clean && rm -rf /var/lib/apt/lists/* /var/cache/debconf/*-old /var/log/*.log \
    && useradd --system --user-group --no-create-home --shell /usr/sbin/nologin chanway
COPY --from=build /src/build/release/chanwayd /usr/local/bin/chanwayd
USER chanway
WORKDIR /tmp

# Inside a container the admin port is of use only from outside of it (CHANWAY_ADMIN_LISTEN=0.0.0.0:8001);
# publish it with care. Logs go to the container's output.
ENV CHANWAY_LISTEN=0.0.0.0:8000
EXPOSE 8000
# It drains: let it have more than its drain-time of 30 s (docker stop --time 45).
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=2s --timeout=3s --start-period=5s --retries=3 CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/${CHANWAY_LISTEN##*:} && printf 'GET /readyz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r line <&3 && [[ $line == *' 200 '* ]]"]
ENTRYPOINT ["chanwayd"]
