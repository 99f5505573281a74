/* SPDX-License-Identifier: MIT */
/*
 * make_certificates.c - writes certificates for tests that are no C programs.
 *
 *     make_certificates DIR
 *
 * makes DIR/{ca,other_ca}.pem and, each with its .key, DIR/{server,expired,client,foreign}.pem. The
 * server is localhost and 127.0.0.1; all but foreign are signed by ca.
 */
#include "tls/certificates.h"

#include <stdio.h>

static void write_file(const char *directory, const char *name, const char *suffix, weir_slice pem)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s%s", directory, name, suffix);
    file = fopen(path, "w");
    if (file == NULL || fwrite(pem.data, 1, pem.size, file) != pem.size || fclose(file) != 0)
        perror(path);
}

/* The certificate moves in. */
static void write_certificate(const char *directory, const char *name, struct certificate made)
{
    write_file(directory, name, ".pem", made.pem);
    write_file(directory, name, ".key", made.key_pem);
    certificate_clear(&made);
}

int main(int argc, char **argv)
{
    static const char names[] = "DNS:localhost,IP:127.0.0.1";
    struct certificate ca = authority_make("weir test root");
    struct certificate other_ca = authority_make("another root");

    if (argc != 2)
        return 2;
    write_certificate(argv[1], "server", certificate_make(&ca, "server", names, 0, 1));
    write_certificate(argv[1], "expired", certificate_make(&ca, "expired", names, -2, -1));
    write_certificate(argv[1], "client",
                      certificate_make(&ca, "a client", "URI:spiffe://weir/client", 0, 1));
    write_certificate(argv[1], "foreign", certificate_make(&other_ca, "a foreigner", NULL, 0, 1));
    write_certificate(argv[1], "ca", ca);
    write_certificate(argv[1], "other_ca", other_ca);
    return 0;
}
