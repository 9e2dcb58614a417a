/* link: the link types and where their headers keep things. */
#include "filt/in.h"

#include <strings.h>

static const LinkRow rows[] = {
#define LINK(number, name, family, type_off, pl_off, nl, nl_nosnap) \
	{ number, name, family, type_off, pl_off, nl, nl_nosnap },
#include "filt/link.def"
#undef LINK
};
static const struct { const char *name; int number; } other_names[] = {
	{ "ETHERNET", DL_EN10MB }, { "TOKEN_RING", DL_IEEE802 }, { "SLL", DL_LINUX_SLL }, { "SLL2", DL_LINUX_SLL2 },
	{ "HDLC", DL_C_HDLC }, { "WLAN", DL_IEEE802_11 }, { "RADIOTAP", DL_RADIOTAP },
};

const LinkRow *
filt_link_row(int number)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].number == number)
			return &rows[i];
	return NULL;
}

const char *
filt_link_name(int linktype)
{
	const LinkRow *r = filt_link_row(linktype);

	return r ? r->name : NULL;
}

int
filt_link_named(const char *name)
{
	if (!strncasecmp(name, "DLT_", 4))
		name += 4;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (!strcasecmp(rows[i].name, name))
			return rows[i].number;
	for (size_t i = 0; i < COUNT(other_names); i++)
		if (!strcasecmp(other_names[i].name, name))
			return other_names[i].number;
	return -1;
}
