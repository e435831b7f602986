-- Nothing ever showed them.
DELETE FROM docs WHERE kind = 'notification';
