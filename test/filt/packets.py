# Packets of many protocols as a pcap file, of which tcpdump's lines are known.  usage: packets.py FILE
import struct, sys
A,B=bytes([10,0,0,1]),bytes([10,0,0,2])
A6=bytes([0x20,1,0xd,0xb8])+bytes(11)+b'\1'; B6=bytes([0xfe,0x80])+bytes(13)+b'\2'
def sum16(b):
    b+=bytes(len(b)%2); s=sum(struct.unpack('>%dH'%(len(b)//2),b))
    while s>>16: s=(s&0xffff)+(s>>16)
    return ~s&0xffff
def eth(t,b,d=bytes(range(6)),s=bytes(range(6,12))): return d+s+struct.pack('>H',t)+b
def ip4(p,b,s=A,d=B,frag=0,id=1,ttl=64,tos=0,opt=b''):
    h=lambda c: struct.pack('>BBHHHBBH4s4s',0x45+len(opt)//4,tos,20+len(opt)+len(b),id,frag,ttl,p,c,s,d)+opt
    return h(sum16(h(0)))+b
def ip6(p,b,s=A6,d=B6,hl=64,tc=0,fl=0): return struct.pack('>IHBB16s16s',0x60000000|tc<<20|fl,len(b),p,hl,s,d)+b
def ph4(p,b,s=A,d=B): return s+d+struct.pack('>BBH',0,p,len(b))
def ph6(p,b,s=A6,d=B6): return s+d+struct.pack('>II',len(b),p)
def udp(sp,dp,b=b'',ck=None,ph=None):
    h=struct.pack('>HHHH',sp,dp,8+len(b),0)+b
    c=ck if ck is not None else (sum16(ph(17,h)+h) or 0xffff) if ph else 0
    return struct.pack('>HHHH',sp,dp,8+len(b),c)+b
def tcp(s,d,seq,ack,flags,b=b'',opt=b'',urg=0,win=500,ph=None):
    f=lambda c: struct.pack('>HHIIBBHHH',s,d,seq,ack,(20+len(opt))//4<<4,flags,win,c,urg)+opt+b
    return f(sum16(ph(6,f(0))+f(0)) if ph else 0)
def icmp(t,c,b): return struct.pack('>BBH',t,c,sum16(struct.pack('>BBH',t,c,0)+b))+b
def icmp6(t,c,b,s=A6,d=B6):
    x=struct.pack('>BBH',t,c,0)+b
    return struct.pack('>BBH',t,c,sum16(ph6(58,x,s,d)+x))+b
def u4(sp,dp,b,**k): return eth(0x800,ip4(17,udp(sp,dp,b,ph=ph4),**k))
def u6(sp,dp,b): return eth(0x86dd,ip6(17,udp(sp,dp,b,ph=ph6)))
def t4(*a,**k): return eth(0x800,ip4(6,tcp(*a,ph=ph4,**k)))
def name(n): return b''.join(bytes([len(x)])+x.encode() for x in n.split('.') if x)+b'\0'
def q(n,t=1,c=1): return name(n)+struct.pack('>HH',t,c)
def rr(n,t,data,ttl=300,c=1): return (n if isinstance(n,bytes) else name(n))+struct.pack('>HHIH',t,c,ttl,len(data))+data
def dns(id,flags,qs=[],an=[],ns=[],ar=[]): return struct.pack('>HHHHHH',id,flags,len(qs),len(an),len(ns),len(ar))+b''.join(qs+an+ns+ar)
PTR0=b'\xc0\x0c'
opt=rr(b'\0',41,b'',ttl=0,c=4096); optdo=rr(b'\0',41,b'',ttl=0x8000,c=1232)
def arp(op): return eth(0x806, struct.pack('>HHBBH6s4s6s4s', 1, 0x800, 6, 4, op, bytes(range(6)), A, bytes(6), B) + bytes(18))
syn = b'\2\4\5\xb4\4\2\x08\x0a' + struct.pack('>II', 7, 0) + b'\1\3\3\7'
ts = b'\1\1\x08\x0a' + struct.pack('>II', 8, 9)
sack = b'\1\1\5\x0a' + struct.pack('>II', 5011, 5020)
T = lambda *a, **k: eth(0x800, ip4(6, tcp(*a, **k)))
R = lambda *a, **k: eth(0x800, ip4(6, tcp(*a, **k), B, A))
err = ip4(17, udp(9, 99, b'x'))
P = [arp(1), arp(2),
  T(1000, 2000, 5000, 0, 2, opt=syn), R(2000, 1000, 9000, 5001, 18, opt=syn), T(1000, 2000, 5001, 9001, 16, opt=ts),
  T(1000, 2000, 5001, 9001, 24, b'hello', ts), R(2000, 1000, 9001, 5006, 16, opt=sack), R(2000, 1000, 9001, 5006, 24, b'12345678'),
  T(1000, 2000, 5006, 9009, 17), R(2000, 1000, 9009, 5007, 4), R(2000, 1000, 9009, 5007, 20), T(1000, 2000, 5006, 9009, 56, b'u', urg=1),
  T(7, 7, 1, 1, 0xd8, b'x'), T(7, 7, 3, 2, 0x10), T(1, 2, 3, 4, 0),
  eth(0x800, ip4(17, udp(9, 99, b'abc'))), eth(0x800, ip4(17, udp(9, 99))),
  eth(0x800, ip4(1, icmp(8, 0, struct.pack('>HH', 5, 6) + bytes(20)))), eth(0x800, ip4(1, icmp(0, 0, struct.pack('>HH', 5, 6) + bytes(20)))),
  eth(0x800, ip4(1, icmp(3, 3, bytes(4) + err))), eth(0x800, ip4(1, icmp(3, 1, bytes(4) + err))), eth(0x800, ip4(1, icmp(3, 0, bytes(4) + err))),
  eth(0x800, ip4(1, icmp(3, 2, bytes(4) + err))), eth(0x800, ip4(1, icmp(3, 4, struct.pack('>HH', 0, 1400) + err))),
  eth(0x800, ip4(1, icmp(3, 13, bytes(4) + err))), eth(0x800, ip4(1, icmp(11, 0, bytes(4) + err))), eth(0x800, ip4(1, icmp(5, 1, A + err))),
  eth(0x86dd, ip6(58, icmp(128, 0, struct.pack('>HH', 5, 6) + bytes(8)))), eth(0x86dd, ip6(58, icmp(135, 0, bytes(4) + A6))),
  eth(0x86dd, ip6(17, udp(9, 99, b'abc'))), eth(0x86dd, ip6(6, tcp(1000, 2000, 1, 2, 16))),
  eth(0x800, ip4(4, ip4(17, udp(9, 99, b'abc')))), eth(0x800, ip4(41, ip6(17, udp(9, 99, b'abc')))),
]
g=lambda f,p,b,o=b'': struct.pack('>HH',f,p)+o+b
def dhcp(op,mt,extra=b'',yi=bytes(4)): return struct.pack('>BBBBIHH4s4s4s4s16s64s128s',op,1,6,0,0x1234,0,0x8000,bytes(4),yi,bytes(4),bytes(4),bytes(range(6)),b'',b'')+b'\x63\x82\x53\x63\x35\1'+bytes([mt])+extra+b'\xff'
P += [u4(5000,53,dns(1,0x100,[q('example.com')])), u4(5000,53,dns(2,0x100,[q('example.com',28)],ar=[opt])), 
  u4(53,5000,dns(1,0x8180,[q('example.com')],[rr(PTR0,1,bytes([93,184,216,34]))])), 
  u4(53,5000,dns(2,0x8180,[q('www.example.com')],[rr(PTR0,5,name('a.example.net')),rr('a.example.net',1,bytes([1,2,3,4])),rr('a.example.net',1,bytes([1,2,3,5]))])), 
  u4(53,5000,dns(3,0x8183,[q('nx.example.com')],ns=[rr('example.com',6,name('ns.example.com')+name('root.example.com')+struct.pack('>IIIII',1,2,3,4,5))])), 
  u4(53,5000,dns(4,0x8580,[q('example.com',15)],[rr(PTR0,15,struct.pack('>H',10)+name('mx.example.com'))])), 
  u4(53,5000,dns(5,0x8180,[q('example.com',16)],[rr(PTR0,16,b'\x05hello\x03foo')])), 
  u4(53,5000,dns(6,0x8180,[q('4.3.2.1.in-addr.arpa',12)],[rr(PTR0,12,name('host.example.com'))])), 
  u4(53,5000,dns(7,0x8182,[q('example.com')])), u4(53,5000,dns(7,0x8185,[q('example.com')])), 
  u4(53,5000,dns(8,0x8380,[q('example.com')])), u4(53,5000,dns(9,0x8180,[q('example.com',28)],[rr(PTR0,28,A6)],ar=[optdo])), 
  u4(53,5000,dns(10,0x8180,[q('example.com',2)],[rr(PTR0,2,name('ns1.example.com')),rr(PTR0,2,name('ns2.example.com'))],ar=[rr('ns1.example.com',1,A)])), 
  u4(5000,53,dns(11,0x110,[q('example.com',33)])), 
  u4(53,5000,dns(11,0x81a0,[q('_x._tcp.example.com',33)],[rr(PTR0,33,struct.pack('>HHH',1,2,443)+name('s.example.com'))])), 
  u4(5000,53,dns(13,0,[q('.',2)])), u4(5000,53,dns(14,0x2800,[q('example.com',6)])), 
  u4(5353,5353,dns(0,0,[q('_http._tcp.local',12)])), 
  u4(5353,5353,dns(0,0x8400,[],[rr('_http._tcp.local',12,name('My.Printer'))])), 
  u4(5000,53,dns(15,0x100,[q('example.com',255)])), u4(5000,53,dns(15,0x100,[q('version.bind',16,3)])), u4(5000,53,b'\0\1\0'), 
  u6(5000,53,dns(1,0x100,[q('example.com')])), t4(5000,53,1,1,24,struct.pack('>H',29)+dns(1,0x100,[q('example.com')]))]
P += [eth(0x86dd,ip6(58,icmp6(133,0,bytes(4)+b'\1\1'+bytes(6)),hl=255)), 
  eth(0x86dd,ip6(58,icmp6(134,0,struct.pack('>BBHII',64,0x40,1800,0,0)+b'\1\1'+bytes(range(6))+b'\3\4\x40\xc0'+struct.pack('>III',86400,14400,0)+A6+b'\5\1\0\0'+struct.pack('>I',1500)),hl=255)), 
  eth(0x86dd,ip6(58,icmp6(135,0,bytes(4)+A6+b'\1\1'+bytes(range(6))),hl=255)), 
  eth(0x86dd,ip6(58,icmp6(136,0,b'\x60\0\0\0'+A6+b'\2\1'+bytes(range(6))),hl=255)), 
  eth(0x86dd,ip6(58,icmp6(129,0,struct.pack('>HH',5,6)+bytes(8)))), 
  eth(0x86dd,ip6(58,icmp6(1,0,bytes(4)+ip6(17,udp(9,99,b'abc'))))), 
  eth(0x86dd,ip6(58,icmp6(1,4,bytes(4)+ip6(17,udp(9,99,b'abc'))))), 
  eth(0x86dd,ip6(58,icmp6(1,3,bytes(4)+ip6(17,udp(9,99,b'abc'))))), 
  eth(0x86dd,ip6(58,icmp6(2,0,struct.pack('>I',1280)+ip6(17,udp(9,99,b'abc'))))), 
  eth(0x86dd,ip6(58,icmp6(3,0,bytes(4)+ip6(17,udp(9,99,b'abc'))))), 
  eth(0x86dd,ip6(58,icmp6(4,1,bytes(4)+ip6(17,udp(9,99,b'abc'))))), 
  eth(0x86dd,ip6(0,b'\x3a\0\5\2\0\0\1\0'+icmp6(143,0,struct.pack('>HH',0,1)+b'\4\0\0\0'+bytes([0xff,2])+bytes(13)+b'\xfb'))), 
  eth(0x86dd,ip6(0,b'\x3a\0\5\2\0\0\1\0'+icmp6(131,0,bytes(4)+bytes([0xff,2])+bytes(13)+b'\xfb'))), 
  eth(0x86dd,ip6(0,b'\x3a\0\5\2\0\0\1\0'+icmp6(130,0,struct.pack('>HH',10000,0)+bytes(16)))), 
  eth(0x86dd,ip6(58,icmp6(137,0,bytes(4)+A6+B6)))]
P += [eth(0x800,ip4(17,udp(9,99,b'x'*100)[:64],frag=0x2000,id=77)), 
  eth(0x800,ip4(1,icmp(8,0,struct.pack('>HH',5,6)+bytes(20)),frag=0x2000)), 
  eth(0x86dd,ip6(44,b'\x11\0\0\1\0\0\0\7'+udp(9,99,b'x'*100)[:64])), eth(0x86dd,ip6(44,b'\x11\0\0\x40\0\0\0\7'+b'y'*44)), 
  eth(0x86dd,ip6(60,b'\x11\0\1\4\0\0\0\0'+udp(9,99,b'abc'))), eth(0x86dd,ip6(0,b'\x06\0\1\4\0\0\0\0'+tcp(1,2,3,4,2)))]
P += [eth(0x800,ip4(2,struct.pack('>BBH4s',0x16,0,0,bytes([224,0,0,251])),d=bytes([224,0,0,251]),opt=b'\x94\4\0\0',ttl=1)), 
  eth(0x800,ip4(2,struct.pack('>BBH4s',0x11,100,0,bytes(4)),d=bytes([224,0,0,1]))), 
  eth(0x800,ip4(2,struct.pack('>BBHHH',0x22,0,0,0,1)+b'\4\0\0\0'+bytes([224,0,0,251]))), 
  eth(0x800,ip4(2,struct.pack('>BBH4s',0x17,0,0,bytes([224,0,0,251])))), 
  eth(0x800,ip4(89,b'\2\1\0\x2c'+A+bytes(4)+bytes(32))), eth(0x800,ip4(50,struct.pack('>II',0x1234,5)+bytes(40))), 
  eth(0x800,ip4(51,b'\x11\4\0\0'+struct.pack('>II',7,8)+bytes(12)+udp(9,99,b'abc'))), 
  eth(0x800,ip4(103,b'\x20\0\0\0'+bytes(10))), eth(0x800,ip4(17,udp(1,2,b'abc'))[:30]), 
  eth(0x800,b'\x43'+ip4(17,udp(1,2,b'abc'))[1:])]
P += [eth(0x800,ip4(47,g(0,0x800,ip4(17,udp(9,99,b'abc'))))), 
  eth(0x800,ip4(47,g(0x2000,0x800,ip4(17,udp(9,99,b'abc')),struct.pack('>I',77)))), 
  eth(0x800,ip4(47,g(0x3000,0x86dd,ip6(17,udp(9,99,b'abc')),struct.pack('>II',77,9)))), 
  eth(0x800,ip4(47,g(0,0x6558,eth(0x800,ip4(17,udp(9,99,b'abc')))))), 
  u4(5555,6081,struct.pack('>BBHI',0,0,0x6558,77<<8)+eth(0x800,ip4(6,tcp(1,2,3,4,2)))), 
  u4(5555,6081,struct.pack('>BBHI',2,0x40,0x0800,77<<8)+b'\1\2\3\1abcd'+ip4(6,tcp(1,2,3,4,2))), 
  eth(0x86dd,ip6(41,ip6(17,udp(9,99,b'abc')))), eth(0x86dd,ip6(4,ip4(17,udp(9,99,b'abc')))), 
  u4(2152,2152,b'\x30\xff\0\x24\0\0\0\1'+ip4(17,udp(9,99,b'abc'))), u4(4500,4500,b'\xff'), 
  u4(500,500,b'12345678'+bytes(8)+b'\x01\x10\2\0'+bytes(4)+struct.pack('>I',28))]
P += [eth(0x8847,struct.pack('>I',100<<12|1<<8|64)+ip4(17,udp(9,99,b'abc'))), 
  eth(0x8847,struct.pack('>II',100<<12|64,200<<12|1<<8|63)+ip4(6,tcp(1,2,3,4,2))), eth(0x8863,b'\x11\x09\0\0\0\4\1\1\0\0'), 
  eth(0x8863,b'\x11\x07\0\0\0\x0c\1\1\0\0\1\2\0\4isp1'), eth(0x8863,b'\x11\xa7\0\7\0\0'), 
  eth(0x8864,b'\x11\0\0\5'+struct.pack('>H',2+31)+b'\0\x21'+ip4(17,udp(9,99,b'abc'))), 
  eth(0x8864,b'\x11\0\0\5'+struct.pack('>H',10)+b'\xc0\x21\1\1\0\x08\1\4\5\xd4'), 
  eth(0x8864,b'\x11\0\0\5'+struct.pack('>H',2+51)+b'\0\x57'+ip6(17,udp(9,99,b'abc'))), 
  bytes([1,0x80,0xc2,0,0,0])+bytes(range(6))+b'\0\x26\x42\x42\3'+bytes(4)+b'\0'+struct.pack('>HQIHQHHHHH',0,0x8000000102030405>>0,4,0,0x8000000102030405,0x8001,0,0x1400,0x200,0xf00)[2:]+bytes(8), 
  bytes([1,0x80,0xc2,0,0,0])+bytes(range(6))+b'\0\x27\x42\x42\3'+b'\0\0\2\2\x3c'+struct.pack('>QIQHHHHH',0x8001000102030405,4,0x8001000102030405,0x8001,0,0x1400,0x200,0xf00)+b'\0'+bytes(7), 
  eth(0x88cc,b'\2\7\4\0\1\2\3\4\5\4\3\5e0\6\2\0\x78\n\4host\0\0'), eth(0x888e,b'\1\1\0\0'), eth(0x888e,b'\2\0\0\5\1\1\0\5\1'), 
  eth(0x8809,b'\1\1\1\x14'+bytes(106)), eth(0x8808,b'\0\1\0\xff'+bytes(42)), 
  eth(0x806,struct.pack('>HHBBH6s4s6s4s',1,0x800,6,4,1,bytes(range(6)),A,bytes(6),A)+bytes(18)), 
  eth(0x806,struct.pack('>HHBBH6s4s6s4s',1,0x800,6,4,1,bytes(range(6)),bytes(4),bytes(6),A)), 
  eth(0x8035,struct.pack('>HHBBH6s4s6s4s',1,0x800,6,4,3,bytes(range(6)),A,bytes(range(6)),B)), 
  eth(0x806,struct.pack('>HHBBH6s4s6s4s',1,0x800,6,4,1,bytes(range(6)),A,bytes(range(1,7)),B)), 
  eth(0x806,struct.pack('>HHBBH6s4s6s4s',1,0x800,6,4,9,bytes(range(6)),A,bytes(6),A))]
P += [u4(68,67,dhcp(1,1,b'\x37\3\1\3\6\x0c\4host')), u4(67,68,dhcp(2,2,b'\1\4\xff\xff\xff\0\x36\4'+A,B)), 
  u4(123,123,b'\x23\3\6\xec'+bytes(44)), 
  u4(123,123,b'\x24\2\6\xec'+bytes(12)+struct.pack('>QQQQ',0xe5000000<<32,0xe5000001<<32,0xe5000002<<32,0xe5000003<<32)), 
  u4(5000,514,b'<13>Oct 11 host app: hello'), u4(5000,69,b'\0\1file.txt\0octet\0'), u4(5000,69,b'\0\4\0\1'), 
  u4(5000,1812,b'\1\7\0\x14'+bytes(16)), u4(5060,5060,b'OPTIONS sip:x SIP/2.0\r\nVia: x\r\n\r\n'), 
  u4(137,137,dns(1,0x110,[b'\x20'+b'CA'*16+b'\0'+b'\0\x20\0\1'])), u4(138,138,bytes(82)), 
  u4(1900,1900,b'NOTIFY * HTTP/1.1\r\nHOST: x\r\n\r\n'), 
  u4(520,520,b'\2\2\0\0\0\2\0\0'+A+bytes([255,0,0,0])+bytes(4)+b'\0\0\0\1'), 
  u4(5000,443,b'\xc3\0\0\0\1\x08abcdefgh\0\0\0'+bytes(30)), u4(546,547,b'\1\1\2\3'), 
  u6(546,547,b'\1\1\2\3\0\1\0\x0a\0\3\0\1'+bytes(6)), u4(5000,8125,b'x:1|c'), u4(427,427,bytes(20)), 
  u4(5000,11211,b'get x\r\n'), t4(5000,80,1,1,24,b'GET /index.html HTTP/1.1\r\nHost: x\r\n\r\n'), 
  t4(80,5000,1,1,24,b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'), t4(5000,22,1,1,24,b'SSH-2.0-OpenSSH_9.2\r\n'), 
  t4(5000,25,1,1,24,b'EHLO x\r\n'), t4(21,5000,1,1,24,b'220 ready\r\n'), t4(5000,8080,1,1,24,b'POST /x HTTP/1.1\r\n\r\n'), 
  t4(5000,179,1,1,24,b'\xff'*16+b'\0\x13\4'), t4(5000,445,1,1,24,b'\0\0\0\4\xfeSMB'), t4(5000,139,1,1,24,b'\x81\0\0\4abcd'), 
  t4(5000,1935,1,1,24,b'\3'), t4(5000,554,1,1,24,b'OPTIONS rtsp://x RTSP/1.0\r\n\r\n'), 
  t4(5000,143,1,1,24,b'a LOGIN x y\r\n'), t4(5000,389,1,1,24,b'0\x0c\2\1\1`\7\2\1\3\4\0\x80\0')]
P += [eth(0x800,ip4(6,tcp(1,2,3,4,2),tos=0x10)), 
  eth(0x800,ip4(6,tcp(1,2,3,4,2,opt=b'\2\4\5\xb4',ph=ph4),tos=3,frag=0x4000,id=0)), 
  eth(0x800,ip4(6,tcp(1,2,3,4,2,opt=b'\x22\2\1\1',ph=ph4))), eth(0x800,ip4(6,tcp(1,2,3,4,2,opt=b'\2\4\5',ph=ph4)+b'')), 
  eth(0x800,ip4(6,tcp(1,2,3,4,0x11,b'abc',ph=ph4)[:-1]+b'x')), eth(0x800,ip4(17,udp(1,2,b'abc',ck=1))), 
  eth(0x800,ip4(17,udp(1,2,b'abc',ph=ph4),opt=b'\7\7\4'+A+b'\0')), 
  eth(0x86dd,ip6(6,tcp(1,2,3,4,2,ph=ph6),tc=0x28,fl=0x12345)), eth(0x86dd,ip6(17,udp(1,2,b'abc',ck=7))), 
  eth(0x800,ip4(1,icmp(13,0,struct.pack('>HHIII',1,2,3,4,5)))), eth(0x800,ip4(1,icmp(17,0,bytes(8)))), 
  eth(0x800,ip4(1,icmp(12,0,b'\x05\0\0\0'+ip4(17,udp(9,99,b'x'))))), 
  eth(0x800,ip4(1,icmp(11,1,bytes(4)+ip4(17,udp(9,99,b'x'))))), eth(0x800,ip4(1,icmp(4,0,bytes(4)+ip4(17,udp(9,99,b'x'))))), 
  eth(0x800,ip4(1,icmp(5,0,A+ip4(17,udp(9,99,b'x'))))), eth(0x800,ip4(1,icmp(3,3,bytes(4)+ip4(6,tcp(9,99,1,1,2))))), 
  eth(0x800,ip4(1,icmp(3,9,bytes(4)+ip4(6,tcp(9,99,1,1,2))))), eth(0x800,ip4(1,icmp(3,10,bytes(4)+ip4(6,tcp(9,99,1,1,2))))), 
  eth(0x800,ip4(1,icmp(3,5,bytes(4)+ip4(6,tcp(9,99,1,1,2))))), eth(0x800,ip4(1,icmp(99,0,bytes(8)))), 
  eth(0x800,ip4(1,icmp(8,0,bytes(8))[:-1]+b'z')), eth(0x800,ip4(6,tcp(1,2,3,4,2),s=bytes(4),d=b'\xff'*4)), 
  eth(0x800,ip4(17,udp(1,2,b''))), eth(0x800,ip4(17,udp(1,2,b'abc'))+bytes(15))]
with open(sys.argv[1], 'wb') as f:
    f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
    for i, p in enumerate(P): f.write(struct.pack('<IIII', i + 1, i, len(p), len(p)) + p)
