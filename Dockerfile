# syntax=docker/dockerfile:1

# Builds preau with the profile for images, and puts the binary alone into a small image: no shell, no package manager, not root.
# tests/container.rs reads this file and runs its command line; keep instructions in their plain forms.

FROM rust:1.95-bookworm AS build
WORKDIR /build

# Dependencies first, with an empty program in our place: this layer is built anew only when a manifest changes.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p src tests \
    && echo 'fn main() {}' > src/main.rs \
    && touch src/lib.rs \
    && sed -n '/^\[\[test\]\]/,/^$/ s/^name = "\(.*\)"$/\1/p' Cargo.toml | while read -r test; do touch "tests/$test.rs"; done \
    && cargo build --locked --profile dist

# Then our own sources. cargo goes by time stamps, and those of a checkout may be older than the empty program.
COPY src src
COPY examples examples
RUN touch src/main.rs src/lib.rs && cargo build --locked --profile dist --bin preau

# The data directory, for COPY to give it an owner below: the final image has no shell to make one with.
RUN mkdir /data

# glibc, libgcc and the certificate authorities, and a user called nonroot (65532).
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /build/target/dist/preau /usr/local/bin/preau
COPY --from=build --chown=65532:65532 /data /var/lib/preau
ENV PREAU_DATA=/var/lib/preau
USER 65532:65532
VOLUME ["/var/lib/preau"]
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["/usr/local/bin/preau", "health"]
ENTRYPOINT ["/usr/local/bin/preau"]
CMD ["serve"]
