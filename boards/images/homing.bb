SUMMARY = "AWS for small devices that hold nothing but an X.509 certificate"
LICENSE = "MIT | Apache-2.0"
LIC_FILES_CHKSUM = "file://LICENSE-MIT;md5=2bdb81f6d9078cdadd1250ad8cb12a89 \
                    file://LICENSE-APACHE;md5=3b83ef96387f14655fc854ddc3c6bd57"

# The binary is static and made elsewhere (cross/build): one for each machine, in the folder beside this file.
SRC_URI = "file://homing file://install.sh file://LICENSE-MIT file://LICENSE-APACHE"
# Releases before 5.1 (styhead) unpack into WORKDIR.
UNPACKDIR ??= "${WORKDIR}"
S = "${UNPACKDIR}"

INHIBIT_DEFAULT_DEPS = "1"
INHIBIT_PACKAGE_STRIP = "1"
INHIBIT_SYSROOT_STRIP = "1"
INSANE_SKIP:${PN} += "already-stripped ldflags"

do_install() {
    sh ${S}/install.sh --root ${D} --prefix ${prefix} --binary ${S}/homing --no-cron
}

FILES:${PN} += "${sysconfdir}/homing ${localstatedir}/lib/homing"
CONFFILES:${PN} = "${sysconfdir}/homing/config.json"
