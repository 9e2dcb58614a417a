# --fmt: one script whose every construct is known; then every test script: formatting twice changes nothing, and the
# formatted script becomes the same program.
cat >"$TMP/in.bt" <<'END'
#!/usr/bin/env piton
/* head
     * second
 */
#include <linux/sched.h>
struct s { int a;   char b[4]; };   // kept

config={max_strlen=100;missing_probes="warn"}
import   "x.bt";
let @m=hash(10);
macro add(x,$y,@m) { @m[x]++; $y+=x; x+$y }
BEGIN{
	// own line
	printf("hello\n");   // trailing
	@a[1,"x"]=(1,2,3);if(1){$x=1;}else if($x==2){$x=2}else{$x=3;}


	while(($x<10)){$x++}  unroll 3{print($x)}
	for($i:0..10){continue;} for $kv:@a {print($kv.0);break}
	let $y:uint8[4]=1;let $z;
	$b=(uint64)$x;$c=*(int32 *)$b;$d=(a=1,b="=");$e={let $q=1;-$q+- -1};
	$s=sizeof(struct s);$o=offsetof(struct s,a);$t=$x?:1;$f=curtask->pid;
	if(!$x){} if comptime(1) {print(1)} /* mid */ print(2)
	/* last */ }
i:s:1,i:s:2/pid==$1&&comm=="a"/{printf("%s %s %s\n",aaaaaaaaaaaaaaaaaaa(bbbbbbbbbbbbb,1),cccccccccccccccccccc,ddddddddddd);}
name=kprobe:f{$aaaaaaaaaaaaaaaaaaaaaaaaa=$bbbbbbbbbbbbbbbbbbbbbbbbbbbb+$cccccccccccccccccccccc+$ddddddddddd;}
kprobe:g{}
// end
END
cat >"$TMP/want" <<'END'
#!/usr/bin/env piton
/* head
 * second
 */
#include <linux/sched.h>
struct s { int a;   char b[4]; }; // kept

config = {
  max_strlen = 100;
  missing_probes = "warn";
}
import "x.bt";
let @m = hash(10);
macro add(x, $y, @m)
{
  @m[x]++;
  $y += x;
  x + $y
}
BEGIN
{
  // own line
  printf("hello\n"); // trailing
  @a[1, "x"] = (1, 2, 3);
  if 1 {
    $x = 1;
  } else if ($x == 2) {
    $x = 2;
  } else {
    $x = 3;
  }


  while ($x < 10) {
    $x++;
  }
  unroll (3) {
    print($x);
  }
  for $i : 0..10 {
    continue;
  }
  for $kv : @a {
    print($kv.0);
    break;
  }
  let $y : uint8[4] = 1;
  let $z;
  $b = (uint64)$x;
  $c = *(int32*)$b;
  $d = (a=1, b="=");
  $e = {
    let $q = 1;
    -$q + - -1
  };
  $s = sizeof(struct s);
  $o = offsetof(struct s, a);
  $t = $x ?: 1;
  $f = curtask.pid;
  if (!$x) {}
  if comptime 1 {
    print(1)
  } /* mid */
  print(2);
  /* last */
}
i:s:1,
i:s:2
/pid == $1 && comm == "a"/
{
  printf("%s %s %s\n", aaaaaaaaaaaaaaaaaaa(bbbbbbbbbbbbb, 1),
         cccccccccccccccccccc, ddddddddddd);
}
name=kprobe:f
{
  $aaaaaaaaaaaaaaaaaaaaaaaaa = $bbbbbbbbbbbbbbbbbbbbbbbbbbbb +
                               $cccccccccccccccccccccc + $ddddddddddd;
}
kprobe:g
{}
// end
END
run "$PITON" --fmt "$TMP/in.bt"
want_status 0
cp "$TMP/out" "$TMP/got"
diff -u "$TMP/want" "$TMP/got" || fail "formatted (+) otherwise than expected (-)"
run "$PITON" --mode format -o "$TMP/again" "$TMP/got"
want_status 0
cmp "$TMP/got" "$TMP/again" || fail "formatting twice changes it"
run "$PITON" --fmt -e 'begin { print(1 }'
want_status 2
want_err '\[syntax\]'
[ ! -s "$TMP/out" ] || fail "printed something of a wrong script"

# elapsed is counted from a time that the program holds as a number
code() { timeout 20 "$PITON" --machine user --unsafe -d bpf "$1" </dev/null 2>/dev/null | sed 's/ = 0x[0-9a-f]* ll$/ = N ll/'; }
n=0
enough=80 k=0 step=1
case $B in *san*) enough=10 step=6;; esac       # each start takes long with them
for f in test/lang/*.bt; do
	case $f in */err.*|*/import*) continue;; esac
	k=$((k + 1))
	[ $((k % step)) = 0 ] || continue
	run "$PITON" --fmt "$f"
	want_status 0
	cp "$TMP/out" "$TMP/once.bt"
	run "$PITON" --fmt "$TMP/once.bt"
	cmp "$TMP/once.bt" "$TMP/out" || fail "$f: formatting twice changes it"
	code "$f" >"$TMP/code"
	code "$TMP/once.bt" >"$TMP/code2"
	cmp "$TMP/code" "$TMP/code2" || fail "$f: another program after formatting"
	[ ! -s "$TMP/code" ] || n=$((n + 1))
done
[ $n -gt $enough ] || fail "only $n scripts were compared"
