# A provider that nobody has: exit 2 and the place.
run "$PITON" -e 'nosuchprovider:x { @ = count(); }'
want_status 2
want_err 'nosuchprovider'
want_err ':1:'
