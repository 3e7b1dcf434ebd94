"""Bytes that each contender's programs take on a bare Debian, and the versions of what comes from PyPI, as JSON.

From Debian: the packages and everything they depend on, without what every Debian has (priority "required" and what that
depends on), by dpkg's own figures. From PyPI: the files of the distributions and of those that they require.
"""

import importlib.metadata as metadata
import json
import pathlib
import re
import subprocess

NEEDS = {
    "sh": (["curl", "jq", "mosquitto-clients"], []),
    "python": (["python3"], ["boto3", "AWSIoTPythonSDK"]),
    "aws": (["python3"], ["awscli"]),
    "rclone": (["rclone"], []),
}


def debian_packages():
    """Installed packages and their provided names: name -> (bytes, needed alternatives, is it required)."""
    form = "${Package}\t${Installed-Size}\t${Priority}\t${Provides}\t${Pre-Depends}, ${Depends}\n"
    text = subprocess.run(["dpkg-query", "-W", "-f", form], check=True, capture_output=True, text=True).stdout
    packages, provided = {}, {}
    for line in text.splitlines():
        name, size, priority, provides, depends = line.split("\t")
        alternatives = [[bare(one) for one in group.split("|")] for group in depends.split(",") if group.strip(" ")]
        packages[name] = (int(size or 0) * 1024, alternatives, priority == "required")
        for one in provides.split(","):
            provided.setdefault(bare(one), name)
    return packages, provided


def bare(dependency):
    return re.split(r"[\s:(]", dependency.strip(), maxsplit=1)[0]


def closure(names, packages, provided):
    found, open_names = set(), list(names)
    while open_names:
        name = open_names.pop()
        name = name if name in packages else provided.get(name)
        if name is None or name in found:
            continue
        found.add(name)
        for group in packages[name][1]:
            open_names.append(next((one for one in group if one in packages or one in provided), ""))
    return found


def distributions(names):
    found, open_names = {}, list(names)
    while open_names:
        distribution = metadata.distribution(open_names.pop())
        if distribution.name in found:
            continue
        found[distribution.name] = distribution
        for requirement in distribution.requires or []:
            if "extra ==" not in requirement and not unmet(requirement):
                open_names.append(re.match(r"[A-Za-z0-9._-]+", requirement).group())
    return found.values()


def unmet(requirement):
    """Whether it is for other systems or Pythons: then it is not installed."""
    try:
        metadata.distribution(re.match(r"[A-Za-z0-9._-]+", requirement).group())
        return False
    except metadata.PackageNotFoundError:
        return True


def files_bytes(distribution):
    places = {pathlib.Path(distribution.locate_file(file)).resolve() for file in distribution.files or []}
    return sum(place.stat().st_size for place in places if place.is_file())


def main():
    packages, provided = debian_packages()
    bare_system = closure([name for name, package in packages.items() if package[2]], packages, provided)
    installed, versions = {}, {}
    for contender, (debian, python) in NEEDS.items():
        try:
            more = closure(debian, packages, provided) - bare_system
            if not set(debian) <= set(packages):
                continue
            found = list(distributions(python))
        except metadata.PackageNotFoundError:
            continue
        installed[contender] = sum(packages[name][0] for name in more) + sum(map(files_bytes, found))
    for name in ["boto3", "AWSIoTPythonSDK"]:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            pass
    print(json.dumps({"installed_bytes": installed, "versions": versions}))


main()
