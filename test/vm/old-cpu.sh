# The JIT on an x86-64 CPU without BMI2 and RDPID, by qemu's user emulation.
command -v qemu-x86_64 >/dev/null && [ "$(uname -m)" = x86_64 ] || { echo "needs qemu-x86_64"; exit 77; }
case $B in *san*) echo "qemu's user emulation has no room for the sanitizer's shadow memory"; exit 77;; esac
qemu-x86_64 -cpu Nehalem "$B/unit/jit_fuzz" 300 9
