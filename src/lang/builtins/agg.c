/* agg: the functions that give a map its aggregation; lang/agg.c has what they do. */
#include "lang/comp.h"

static const Type *
check_count(Comp *c, Node *n)
{
	(void)n;
	return type_special(c->ts, TY_COUNT, 8, true, 0, 0);
}

static const Type *
of_argument(Comp *c, Node *n, TypeKind kind)
{
	const Type *t = number_type(n->list[0]->type);

	return type_special(c->ts, kind, 8, t ? t->sign : false, 0, 0);
}

static const Type *check_sum(Comp *c, Node *n) { return of_argument(c, n, TY_SUM); }
static const Type *check_min(Comp *c, Node *n) { return of_argument(c, n, TY_MIN); }
static const Type *check_max(Comp *c, Node *n) { return of_argument(c, n, TY_MAX); }
static const Type *check_avg(Comp *c, Node *n) { return of_argument(c, n, TY_AVG); }
static const Type *check_stats(Comp *c, Node *n) { return of_argument(c, n, TY_STATS); }

static const Type *
check_hist(Comp *c, Node *n)
{
	u64 bits = n->n > 1 ? n->list[1]->num : 0;

	if (n->n > 1 && n->list[1]->kind == ND_NUM && bits > 5) {
		comp_err(c, n->list[1]->at, E_ARGS, "hist: bits %lld must be 0..5", (long long)bits);
		return &ty_error;
	}
	return type_special(c->ts, TY_HIST, 8, true, (u32)bits, 0);
}

static const Type *
check_lhist(Comp *c, Node *n)
{
	s64 v[3];

	for (u32 i = 0; i < 3; i++) {
		v[i] = (s64)n->list[i + 1]->num;
		if (n->list[i + 1]->kind != ND_NUM)
			return &ty_error;
		if (v[i] < 0) {
			comp_err(c, n->list[i + 1]->at, E_ARGS, "lhist() %s must be non-negative (provided %lld)",
			    i == 0 ? "min" : i == 1 ? "max" : "step", (long long)v[i]);
			return &ty_error;
		}
	}
	if (!v[2] || v[0] > v[1] || (v[1] - v[0]) / v[2] > 1000) {
		if (!v[2])
			comp_err(c, n->list[3]->at, E_ARGS, "lhist() step must be >= 1 (0 provided)");
		else if (v[0] > v[1])
			comp_err(c, n->at, E_ARGS, "lhist() min must be less than max (provided min %lld and max %lld)", (long long)v[0],
			    (long long)v[1]);
		else
			comp_err(c, n->at, E_ARGS, "lhist() too many buckets, must be <= 1000 (would need %lld)",
			    (long long)((v[1] - v[0]) / v[2]));
		return &ty_error;
	}
	return type_lhist(c->ts, v[0], v[1], v[2]);
}

/* tseries(value, interval, count[, "avg" | "max" | "min" | "sum"]) */
static const Type *
check_tseries(Comp *c, Node *n)
{
	static const char *const aggs[] = { "avg", "max", "min", "sum" };
	const char letters[] = "aMms";
	const Type *t = number_type(n->list[0]->type);
	s64 interval = (s64)n->list[1]->num, count = (s64)n->list[2]->num;
	u64 how = comp_cf(c, CF_UNSTABLE_TSERIES);
	u32 agg = 0;

	if (how == 2) {
		comp_err(c, n->at, E_UNSTABLE, "Use of the unstable feature tseries is not enabled");
		comp_hint(c, "config = { unstable_tseries = \"enable\" }");
		return &ty_error;
	}
	if (how == 1)
		comp_warn(c, n->at, W_UNSTABLE, "Script is using an unstable feature: tseries. To prevent this warning you must explicitly "
		     "enable the unstable feature in the config e.g. unstable_tseries=enable");
	if (n->list[1]->kind != ND_NUM || n->list[2]->kind != ND_NUM)
		return &ty_error;
	if (interval <= 0) {
		comp_err(c, n->list[1]->at, E_ARGS, "tseries() interval must be positive (%lld provided)", (long long)interval);
		return &ty_error;
	}
	if (count <= 0 || count > 1000000) {
		comp_err(c, n->list[2]->at, E_ARGS, "tseries() num_intervals must be between 1 and 1000000 (%lld provided)", (long long)count);
		return &ty_error;
	}
	if (n->n > 3) {
		for (u32 i = 0; i < COUNT(aggs); i++)
			if (!strcmp(n->list[3]->str, aggs[i]))
				agg = (u32)letters[i];
		if (!agg) {
			comp_err(c, n->list[3]->at, E_ARGS, "tseries() expects one of the following aggregation functions: avg, max, min, sum "
			    "(\"%s\" provided)", n->list[3]->str);
			return &ty_error;
		}
	}
	return type_tseries(c->ts, interval, count, agg, t && t->sign);
}

const Builtin builtins_agg[] = {
	{ "count",   "", B_AGG, check_count },
	{ "sum",     "i", B_AGG, check_sum },
	{ "min",     "i", B_AGG, check_min },
	{ "max",     "i", B_AGG, check_max },
	{ "avg",     "i", B_AGG, check_avg },
	{ "stats",   "i", B_AGG, check_stats },
	{ "hist",    "i?n", B_AGG, check_hist },
	{ "lhist",   "innn", B_AGG, check_lhist },
	{ "tseries", "inn?S", B_AGG, check_tseries },
	{ NULL },
};
