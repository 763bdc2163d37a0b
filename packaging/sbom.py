#!/usr/bin/env python3
"""Writes the software bill of materials of a package of d2, as SPDX 2.3 in JSON.

usage: sbom.py --kind deb|tarball --version V --architecture A --binary FILE --swift V [--static NAME.a]… TREE SBOM

It lists each file of TREE with its checksums; what is linked into the binary; the libraries that it loads, and those
that TREE carries, with their versions in Debian and their licences (licences.tsv). SBOM is the path in TREE where it is
written. SOURCE_DATE_EPOCH is its time: the same tree gives the same bytes.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
from datetime import datetime, timezone
from urllib.parse import quote

OURS = "Apache-2.0"
SWIFT = "Apache-2.0 WITH Swift-exception"
AUTHORS = "The d2 authors"
# What the commands of a package need and load otherwise than as libraries.
PROGRAMS = ["jq", "ca-certificates"]


def said(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def identifier(*parts):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]+", "-", "-".join(parts))


def licences():
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "licences.tsv"), encoding="utf-8") as file:
        return dict(line.rstrip("\n").split("\t") for line in file if line.strip() and not line.startswith("#"))


LICENCES = licences()


def licence_of(name):
    known = name.removesuffix("t64")
    if known not in LICENCES:
        sys.exit(f"sbom: packaging/licences.tsv does not have {known}")
    return LICENCES[known]


def all_of(expressions):
    return " AND ".join(dict.fromkeys(part for one in expressions for part in one.split(" AND ")))


def debian_package(name, comment=None):
    """What SPDX says of an installed package of Debian."""
    fields = "${Version}\t${Architecture}\t${source:Package}\t${source:Version}\t${Homepage}\n"
    # The first, where it is installed for several architectures.
    version, architecture, source, source_version, home = said("dpkg-query", "-W", "-f", fields, name).split("\n")[0] \
        .split("\t")
    with open("/etc/os-release", encoding="utf-8") as file:
        release = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
    distribution = release["ID"].strip('"') + "-" + release.get("VERSION_ID", "").strip('"')
    package = {
        "SPDXID": identifier("Package", name),
        "name": name,
        "versionInfo": version,
        "supplier": "Organization: Debian",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": licence_of(name),
        "copyrightText": "NOASSERTION",
        "sourceInfo": f"built from the Debian source package {source} {source_version}",
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": f"pkg:deb/debian/{quote(name)}@{quote(version)}?arch={architecture}"
                                f"&distro={quote(distribution)}",
        }],
    }
    if home:
        package["homepage"] = home
    if comment:
        package["comment"] = comment
    return package


def owner_of(library):
    """The package of Debian that a library of this name is from."""
    found = re.findall(r"^([^:,\s]+)(?::\w+)?(?:, .*)?: ", said("dpkg", "-S", f"*/{library}"), re.M)
    if not found:
        sys.exit(f"sbom: no package has {library}")
    return found[0]


def swift_package(name, version, comment):
    return {
        "SPDXID": identifier("Package", name),
        "name": name,
        "versionInfo": version,
        "supplier": "Organization: Swift.org",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "homepage": "https://www.swift.org",
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": SWIFT,
        "copyrightText": "2014-2025 Apple Inc. and the Swift project authors",
        "comment": comment,
    }


def files_of(tree, leave_out):
    """Each file with its checksums, in order of the paths; links are not files."""
    for folder, folders, names in os.walk(tree):
        folders.sort()
        for base in sorted(names):
            path = os.path.join(folder, base)
            relative = os.path.relpath(path, tree)
            if os.path.islink(path) or relative == leave_out or relative.startswith("DEBIAN/"):
                continue
            with open(path, "rb") as file:
                content = file.read()
            kind = "BINARY" if content.startswith(b"\x7fELF") else "SOURCE" if content.startswith(b"#!") else \
                "ARCHIVE" if base.endswith(".gz") else "TEXT"
            yield relative, kind, [{"algorithm": name, "checksumValue": hashlib.new(name, content).hexdigest()}
                                   for name in ("SHA1", "SHA256")]


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--kind", required=True, choices=["deb", "tarball"])
    parser.add_argument("--version", required=True)
    parser.add_argument("--architecture", required=True)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--swift", required=True)
    parser.add_argument("--static", action="append", default=[])
    parser.add_argument("tree")
    parser.add_argument("sbom")
    wanted = parser.parse_args()

    name = f"d2-{wanted.version}-{wanted.architecture}-{wanted.kind}"
    files, relationships, packages = [], [], []
    relationships.append(("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-Package-d2"))

    def relate(package, kind, other="SPDXRef-Package-d2"):
        if package["SPDXID"] not in [known["SPDXID"] for known in packages]:
            packages.append(package)
        relationships.append((other, kind, package["SPDXID"]))

    archives = {archive: owner_of(archive) for archive in sorted(set(wanted.static))}
    linked_in = all_of([OURS, SWIFT] + [licence_of(owner) for owner in archives.values()])
    carried = {}
    for path, kind, checksums in files_of(wanted.tree, wanted.sbom):
        base = os.path.basename(path)
        foreign = ".so" in base and "/names/" not in path
        is_binary = os.path.samefile(os.path.join(wanted.tree, path), wanted.binary)
        about = {
            "SPDXID": identifier("File", path),
            "fileName": "./" + path,
            "fileTypes": [kind],
            "checksums": checksums,
            "licenseConcluded": linked_in if is_binary else OURS,
            "licenseInfoInFiles": ["NOASSERTION"],
            "copyrightText": "NOASSERTION",
        }
        if foreign:
            carried[base] = about
            about["licenseConcluded"] = licence_of(owner_of(base))
            about["comment"] = "Debian's file, with another search path for the libraries that it needs."
        files.append(about)
    ids = [file["SPDXID"] for file in files]
    if len(set(ids)) < len(ids):
        sys.exit("sbom: two paths have one identifier")
    # As the standard makes it: of the SHA-1 sums of all files in order.
    sums = "".join(sorted(file["checksums"][0]["checksumValue"] for file in files))
    ours = {
        "SPDXID": "SPDXRef-Package-d2",
        "name": "d2",
        "versionInfo": wanted.version,
        "supplier": f"Organization: {AUTHORS}",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": True,
        "packageVerificationCode": {
            "packageVerificationCodeValue": hashlib.sha1(sums.encode()).hexdigest(),
            "packageVerificationCodeExcludedFiles": ["./" + wanted.sbom],
        },
        "hasFiles": ids,
        "licenseConcluded": all_of(file["licenseConcluded"] for file in files),
        "licenseInfoFromFiles": ["NOASSERTION"],
        "licenseDeclared": OURS,
        "copyrightText": "2026 the d2 authors",
        "primaryPackagePurpose": "APPLICATION",
        "summary": "Moves aggregate data between DHIS2 servers",
    }
    if wanted.kind == "deb":
        ours["externalRefs"] = [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": f"pkg:deb/d2@{wanted.version}?arch={wanted.architecture}",
        }]
    packages.append(ours)

    relate(swift_package("swift-runtime", wanted.swift, "The standard library and its runtime, concurrency, regular "
                         "expressions and synchronization; linked in."), "STATIC_LINK")
    relate(swift_package("libdispatch", wanted.swift, "With its BlocksRuntime; linked in, of the same toolchain."),
           "STATIC_LINK")
    for archive, owner in archives.items():
        relate(debian_package(owner, f"{archive} is linked in."), "STATIC_LINK")

    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", said("readelf", "-d", wanted.binary))
    for library in sorted(needed):
        if library not in carried:
            relate(debian_package(owner_of(library)), "DYNAMIC_LINK")
    for library, file in sorted(carried.items()):
        package = debian_package(owner_of(library))
        relate(package, "DYNAMIC_LINK" if library in needed else "DEPENDS_ON")
        relationships.append((file["SPDXID"], "GENERATED_FROM", package["SPDXID"]))
    for program in PROGRAMS:
        relate(debian_package(program), "DEPENDS_ON")

    # Two libraries of one package are one relationship.
    relationships = list(dict.fromkeys(relationships))
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": f"https://spdx.org/spdxdocs/{name}-" + hashlib.sha256(json.dumps(
            [files, packages]).encode()).hexdigest()[:32],
        "creationInfo": {
            "created": datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), timezone.utc)
            .strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": [f"Organization: {AUTHORS}", f"Tool: d2-sbom-{wanted.version}"],
        },
        "documentDescribes": ["SPDXRef-Package-d2"],
        "packages": packages,
        "files": files,
        "relationships": [{"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
                          for one, kind, other in relationships],
    }
    with open(os.path.join(wanted.tree, wanted.sbom), "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1, ensure_ascii=False)
        file.write("\n")


if __name__ == "__main__":
    main()
