# files that are no programs: one clear line, exit 1 or 2, never a crash
head -c 1000 /dev/urandom >"$TMP/noise"; printf '\177ELF' >"$TMP/elf"; : >"$TMP/empty"; printf 'type xdp\ninsns zz\n' >"$TMP/bpfx"
printf '18' >"$TMP/half"; printf 'b7000000' >"$TMP/short"
for f in noise elf empty bpfx half short missing; do
	for verb in dis verify run bench; do
		timeout 20 "$PITON" vm $verb "$TMP/$f" >"$TMP/out" 2>"$TMP/err" </dev/null
		s=$?
		case $f$verb in noisedis) continue;; esac        # noise of whole instructions is shown as numbers
		[ $s = 1 ] || [ $s = 2 ] || [ $s = 3 ] || { echo "$verb $f: exit $s"; cat "$TMP/err"; exit 1; }
		[ -s "$TMP/err" ] || { echo "$verb $f says nothing"; exit 1; }
	done
done
